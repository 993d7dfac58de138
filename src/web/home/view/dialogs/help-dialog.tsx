import { dialogTexts } from '../../../i18n/dialog-texts.ts';
import { Modal } from '../../../shared/modal.tsx';
import type { DialogProps } from './dialog-state.ts';

/** The keyboard shortcuts. */
export function HelpDialog({ onClose }: DialogProps) {
  const t = dialogTexts();
  return (
    <Modal title={t.shortcuts} onClose={onClose}>
      <table class="shortcuts">
        <tbody>
          {t.shortcutList.map(([keys, effect]) => (
            <tr key={keys}>
              <th scope="row">
                {keys.split(/(, | )/).map((part, at) => (at % 2 === 1 ? part : <kbd key={part}>{part}</kbd>))}
              </th>
              <td>{effect}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{t.formattingTitle}</h3>
      <ul class="formatting">
        {t.formatting.map((example) => (
          <li key={example}>
            <code>{example}</code>
          </li>
        ))}
      </ul>
    </Modal>
  );
}
