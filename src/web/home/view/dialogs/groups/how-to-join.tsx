import { dialogTexts } from '../../../../i18n/dialog-texts.ts';
import { useView } from '../../context.ts';

/** Shows how users can join a group. It depends on how the nodes authenticate users. */
export function HowToJoin() {
  const { auth } = useView().app.cluster;
  const t = dialogTexts();
  return (
    <p id="how-to-join" class="hint">
      {auth === 'open' ? t.openByName : auth === 'token' ? t.byInvitation : ''}
    </p>
  );
}
