/** The token of an `Authorization: Bearer` header (RFC 6750); undefined if it has another form. */
export function bearerToken(authorization: string | undefined): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
}
