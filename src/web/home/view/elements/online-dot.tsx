import { chatTexts } from '../../../i18n/texts.ts';
import { useView } from '../context.ts';

/** A dot beside a user who is connected. */
export function OnlineDot({ userId }: { userId: number | undefined }) {
  const { app } = useView();
  const { online } = chatTexts();
  return app.isOnline(userId) ? <span class="online" role="img" aria-label={online} title={online} /> : null;
}
