/// <reference lib="dom" />

import { texts } from '../i18n/texts.ts';
import { iconUrl } from './icon-url.ts';
import { LanguageSwitch } from './language-switch.tsx';

/** The header of a page, with links to the others. Links are relative: a proxy may serve the pages under a path prefix. */
export function SiteHeader({ current }: { current: 'chat' | 'cluster' }) {
  const t = texts().common;
  const links = [
    ['chat', 'home', t.chat],
    ['cluster', 'cluster', t.cluster],
    ['docs', 'docs', t.documentation],
  ] as const;
  return (
    <header class="site-header">
      <a class="brand" href="home">
        <img src={iconUrl()} alt="" width="24" height="24" /> Plantão
      </a>
      <nav aria-label={t.pages}>
        {links.map(([page, address, name]) => (
          <a key={page} href={address} aria-current={page === current ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <LanguageSwitch />
    </header>
  );
}
