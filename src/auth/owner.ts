declare const ownerIdBrand: unique symbol;

/**
 * The user whose resources a query may touch. Only this file creates one, so no other string can be passed as an owner.
 */
export type OwnerId = string & { readonly [ownerIdBrand]: 'OwnerId' };

/** The built-in user from the first migration, who owns everything while authentication is off. */
export const LOCAL_OWNER = '00000000-0000-4000-8000-000000000001' as OwnerId;
