import type { common as english } from '../en/common.ts';

/** Texts that several pages use, in Brazilian Portuguese. */
export const common: typeof english = {
  language: 'Idioma',
  close: 'Fechar',
  cancel: 'Cancelar',
  today: 'Hoje',
  yesterday: 'Ontem',
  nodes: 'Nós do cluster',
  role: { active: 'ativo', standby: 'de reserva', fallen: 'fora de serviço', unreachable: 'inacessível' },
  maintenance: 'em manutenção',
  term: (term) => `mandato ${term}`,
  connectedHere: 'você está conectado a este nó',
  documentation: 'Docs da API',
  pages: 'Páginas',
  cluster: 'Cluster',
  chat: 'Conversas',
};
