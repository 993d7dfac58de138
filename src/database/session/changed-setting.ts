/** A pinned setting that PostgreSQL has reported with another value, on the session with that application_name. */
export interface ChangedSetting {
  session: string;
  name: string;
  value: string;
}

/** Returns the line of the log for it. */
export function changedSettingSentence({ session, name, value }: ChangedSetting): string {
  return `${name} became ${JSON.stringify(value)} in the session ${session}: probably a trigger or a function of the database sets it. This node sets it back before its next statement; give that function a SET clause instead (ALTER FUNCTION … SET ${name} = …), which ends with it`;
}
