/** Options of every HTTP client of a node. NODE_OPTIONS could otherwise make its parser lenient, or refuse the headers of a peer. */
export const HTTP_PARSING = { insecureHTTPParser: false, maxHeaderSize: 16_384 } as const;
