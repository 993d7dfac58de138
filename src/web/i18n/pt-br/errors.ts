import type { errors as english } from '../en/errors.ts';

const UNAVAILABLE = 'O serviço está indisponível agora. Tente de novo em instantes.';
const BAD_NAME = 'Este nome tem caracteres não permitidos ou é longo demais.';

/** Texts for the error codes of the API in Brazilian Portuguese. */
export const errors: typeof english = {
  byCode: {
    unauthenticated: 'Sua sessão expirou. Entre de novo.',
    forbidden: 'Você não tem permissão para isso.',
    not_a_member: 'Só membros do grupo podem fazer isso.',
    user_not_found: 'Este usuário não existe mais.',
    group_not_found: 'Este grupo não existe mais.',
    message_not_found: 'Esta mensagem foi apagada ou nunca existiu.',
    reply_not_found: 'A mensagem que você está respondendo foi apagada.',
    invitation_not_found: 'Este convite expirou ou foi cancelado. Peça um novo.',
    removed_from_group: 'Você foi removido deste grupo. Um dono ou administrador pode adicionar você de novo.',
    username_taken: 'Este nome já está em uso. Escolha outro.',
    group_full: 'Este grupo está cheio.',
    too_many_groups: 'Este usuário está em grupos demais.',
    too_many_reactions: 'Você tem reações demais nesta mensagem.',
    direct_chat: 'Isso não é possível em uma conversa direta.',
    account_deleted: 'Esta pessoa excluiu a conta. Você pode ler a conversa, mas não pode mais escrever.',
    group_archived: 'Este grupo está arquivado e não aceita novas mensagens.',
    has_left: 'Este usuário saiu do grupo. Só um dono ou administrador pode adicioná-lo de novo.',
    last_owner: 'Você é o único dono do grupo. Primeiro, torne dono outro membro.',
    too_large: 'Isto é longo demais.',
    too_many_requests: 'Muitas tentativas. Aguarde um momento.',
    session_not_found: 'Esta sessão já foi encerrada.',
    outcome_unknown: 'A conexão caiu. Verifique se deu certo antes de tentar de novo.',
    unreachable: 'Sem conexão. Tente de novo em instantes.',
    not_active: UNAVAILABLE,
    not_alive: UNAVAILABLE,
    overloaded: 'O serviço está ocupado. Tente de novo em instantes.',
    unavailable: UNAVAILABLE,
    blocked: UNAVAILABLE,
  },
  byField: {
    password: 'Escolha uma senha de pelo menos 8 caracteres.',
    username: BAD_NAME,
    groupName: BAD_NAME,
    name: BAD_NAME,
    content: 'Esta mensagem é longa demais ou tem caracteres não permitidos.',
  },
  wrongPassword: 'Nome ou senha incorretos.',
  invalid: 'Confira o que você digitou.',
  refused: 'Não deu certo.',
  failed: 'Não deu certo. Tente de novo.',
  retryIn: (seconds) => `Tente de novo em ${seconds} s.`,
};
