/** English texts that several pages use. */
export const common = {
  language: 'Language',
  close: 'Close',
  cancel: 'Cancel',
  today: 'Today',
  yesterday: 'Yesterday',
  nodes: 'Nodes of the cluster',
  role: { active: 'active', standby: 'standby', fallen: 'out of service', unreachable: 'unreachable' },
  maintenance: 'maintenance',
  term: (term: number) => `term ${term}`,
  connectedHere: 'you are connected to this node',
  documentation: 'API documentation',
  pages: 'Pages',
  cluster: 'Cluster',
  chat: 'Chat',
};
