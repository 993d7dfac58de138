/// <reference lib="dom" />
import { useRef, useState } from 'preact/hooks';
import type { Chat } from '../../../../../client/index.ts';
import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { Switch } from '../../elements/switch.tsx';
import type { GroupDialogProps } from '../dialog-state.ts';
import { type GroupFields, groupChanges } from './group-changes.ts';
import { HowToJoin } from './how-to-join.tsx';
import { InvitationList } from './invitation-list.tsx';

/** Keeps the fields of a group as they were when the dialog opened, and compares them with those of the form. */
export function useGroupForm(group: Chat) {
  const name = useRef<HTMLInputElement>(null);
  const description = useRef<HTMLTextAreaElement>(null);
  const showsReads = useRef<HTMLInputElement>(null);
  const archived = useRef<HTMLInputElement>(null);
  // Changes that others make meanwhile stay out of the form: it would send them back as its own.
  const [opened] = useState<GroupFields>(() => ({
    name: group.name,
    description: group.description,
    showsReads: group.shows_reads,
    archived: group.archived,
  }));
  const changes = () =>
    groupChanges(opened, {
      name: name.current?.value ?? opened.name,
      description: description.current?.value ?? opened.description,
      showsReads: showsReads.current?.checked ?? opened.showsReads,
      archived: archived.current?.checked ?? opened.archived,
    });
  return { opened, name, description, showsReads, archived, changes };
}

/** The settings that owners and admins may change. */
export function GroupForm({ form, ...props }: GroupDialogProps & { form: ReturnType<typeof useGroupForm> }) {
  const t = dialogTexts();
  const { opened } = form;
  return (
    <>
      <label for="group-name">{t.groupName}</label>
      <input
        id="group-name"
        ref={form.name}
        required
        maxLength={128}
        autocomplete="off"
        aria-describedby="how-to-join"
        defaultValue={opened.name}
      />
      <HowToJoin />
      <label for="group-description">{t.description}</label>
      <textarea
        id="group-description"
        ref={form.description}
        maxLength={1024}
        rows={2}
        defaultValue={opened.description}
      />
      <InvitationList {...props} />
      <Switch label={t.showReads} defaultChecked={opened.showsReads} handle={form.showsReads} />
      <Switch label={t.archive} defaultChecked={opened.archived} handle={form.archived} />
    </>
  );
}
