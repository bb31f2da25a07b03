/**
 * A Swagger UI plugin for credentials: it keeps one at a time, ends the session on log-out, shows what each operation needs, and
 * says what to do if a credential is missing or not enough.
 */
export const authorization = () => ({
  statePlugins: {
    auth: { wrapActions: { authorize: replaceOthers, authorizeOauth2: replaceOthers, logout: endSession } },
    err: { wrapActions: { newAuthErr: explainFailure } },
  },
  wrapComponents: { OperationSummaryPath: withScope, liveResponse: withAdvice },
});

/** The header of the credential that was authorized in a Swagger UI; nothing without one. */
export function credentialHeaders({ authSelectors }) {
  const authorized = authSelectors.authorized();
  const token = authorized.getIn(['access_token', 'token', 'access_token']);
  const key = authorized.getIn(['api_key', 'value']);
  if (token) return { Authorization: `Bearer ${token}` };
  return key ? { 'X-API-Key': key } : {};
}

/** The service refuses requests with two credentials, so the last one replaces the other. */
function replaceOthers(original, { authSelectors, authActions }) {
  return (payload) => {
    const names = payload.auth ? [payload.auth.name] : Object.keys(payload);
    const others = [...authSelectors.authorized().keys()].filter((name) => !names.includes(name));
    if (others.length > 0) authActions.logout(others);
    return original(payload);
  };
}

/** Swagger UI would only forget the access token. */
function endSession(original, system) {
  return (names) => {
    const headers = credentialHeaders(system);
    // A session that cannot be ended now ends by itself.
    if (names.includes('access_token') && headers.Authorization)
      fetch('auth/log-out', { method: 'POST', headers }).catch(() => {});
    return original(names);
  };
}

/** Swagger UI shows only the phrase of the status. */
const FAILURES = {
  'Error: Unauthorized': 'The e-mail address or the password is wrong.',
  'Error: Forbidden': 'Your role does not have one of the chosen scopes.',
  'Error: Too Many Requests': 'There were too many attempts. Try again in a while.',
};

const explainFailure = (original) => (failure) =>
  original({ ...failure, message: FAILURES[failure.message] ?? failure.message });

function withScope(Original, { React }) {
  const h = React.createElement;
  return function Scope(props) {
    const need = needOf(props.operationProps.get('security')?.toJS() ?? []);
    if (need === undefined) return h(Original, props);
    return h(React.Fragment, {}, h(Original, props), h('span', { className: 'scope' }, need));
  };
}

/** A scope, or what else a credential must be; undefined for operations that everybody can use. */
function needOf(security) {
  if (security.length === 0) return undefined;
  const [scope] = security.flatMap(({ access_token: scopes = [] }) => scopes);
  return scope ?? (security.some((schemes) => 'api_key' in schemes) ? 'any credential' : 'log-in');
}

/** What to do about a problem, by its code. */
const ADVICE = {
  authentication_required:
    'Press Authorize at the top of the page, log in or give an API key, and execute this again.',
  invalid_credential:
    'The credential is wrong, or it has expired. Press Authorize at the top of the page, log out there, and log in again.',
  insufficient_scope:
    'Press Authorize at the top of the page, and use a credential that has the scope. Only administrators have the scope admin.',
  log_in_required:
    'Press Authorize at the top of the page, and log in with your password instead of the API key.',
};

function withAdvice(Original, { React }) {
  const h = React.createElement;
  return function Advice(props) {
    const advice = ADVICE[codeOf(props.response)];
    if (advice === undefined) return h(Original, props);
    return h(React.Fragment, {}, h('p', { className: 'advice', role: 'status' }, advice), h(Original, props));
  };
}

function codeOf(response) {
  if (![401, 403].includes(response?.get('status'))) return undefined;
  try {
    return JSON.parse(response.get('text')).code;
  } catch {
    return undefined;
  }
}
