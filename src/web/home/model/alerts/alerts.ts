/// <reference lib="dom" />
import type { Message } from '../../../../client/index.ts';
import type { Stored } from '../../../shared/stored.ts';
import { plainText } from '../text/plain-text.ts';

const NOTIFIES = 'notifies';
const SOUNDS = 'sounds';

/** Browser notifications and a sound for new messages, if the user has switched them on. */
export class Alerts {
  readonly #choices: Stored<boolean>;
  #audio: AudioContext | undefined;

  constructor(choices: Stored<boolean>) {
    this.#choices = choices;
  }

  /** True if the browser has notifications and the user has not blocked them. */
  get canNotify(): boolean {
    return 'Notification' in globalThis && Notification.permission !== 'denied';
  }

  /** True if the user wants notifications and the browser allows them. */
  get notifies(): boolean {
    return this.canNotify && Notification.permission === 'granted' && this.#choices.get(NOTIFIES) === true;
  }

  /** Switches notifications on or off. Switching them on asks the user for permission. */
  async setNotifies(wanted: boolean): Promise<void> {
    const isAllowed = wanted && (await Notification.requestPermission()) === 'granted';
    this.#choices.set(NOTIFIES, isAllowed || undefined);
  }

  /** True if the user wants a sound. */
  get sounds(): boolean {
    return this.#choices.get(SOUNDS) === true;
  }

  /** Switches the sound on or off. */
  setSounds(wanted: boolean): void {
    this.#choices.set(SOUNDS, wanted || undefined);
    if (wanted) this.#beep();
  }

  /** Alerts the user to a message. The notification of a later message in the same group replaces it. */
  alert({ sender, content }: Message, group: { name: string; hash: string; isDirect: boolean }): void {
    if (this.sounds) this.#beep();
    if (!this.notifies) return;
    const title = group.isDirect ? sender : `${sender} · ${group.name}`;
    void this.#notify(title, { body: plainText(content).slice(0, 200), tag: group.hash }, group.hash);
  }

  /** Shows a notification. On phones only a service worker may do so; it also opens the page if no tab is left. */
  async #notify(title: string, options: NotificationOptions, hash: string): Promise<void> {
    try {
      const worker = await navigator.serviceWorker?.getRegistration();
      if (worker?.active) return await worker.showNotification(title, { ...options, data: hash });
      const shown = new Notification(title, options);
      shown.onclick = () => {
        window.focus();
        location.hash = hash;
        shown.close();
      };
    } catch {
      // The browser shows none, for example in a private window.
    }
  }

  #beep(): void {
    try {
      this.#audio ??= new AudioContext();
      const now = this.#audio.currentTime;
      const tone = this.#audio.createOscillator();
      const volume = this.#audio.createGain();
      tone.frequency.setValueAtTime(880, now);
      volume.gain.setValueAtTime(0.08, now);
      volume.gain.exponentialRampToValueAtTime(0.0001, now + 0.25);
      tone.connect(volume).connect(this.#audio.destination);
      tone.start(now);
      tone.stop(now + 0.25);
    } catch {
      // No sound device, or the browser does not allow it yet.
    }
  }
}
