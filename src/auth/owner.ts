declare const ownerIdBrand: unique symbol;

/**
 * Whose resources a query may touch. Only this file makes one, so that no other string can be passed where an owner
 * is asked for.
 */
export type OwnerId = string & { readonly [ownerIdBrand]: 'OwnerId' };

/** The built-in user of the first migration, who owns everything while nobody logs in. */
export const LOCAL_OWNER = '00000000-0000-4000-8000-000000000001' as OwnerId;
