/** Requests that take something from a user for good, by method and path, and what to ask before. */
const QUESTIONS = {
  'delete /users/{id}': 'Delete this user with everything that the user owns?',
  'post /users/{id}/hand-over': 'Give everything that this user owns to another user?',
  'delete /api-keys/{id}': 'Revoke this API key? Programs that use it will be refused.',
  'delete /auth/sessions': 'Log out everywhere?',
};

/** A Swagger UI plugin that asks before a destructive request is sent. */
export const confirmation = () => ({ wrapComponents: { execute: withQuestion } });

function withQuestion(Original, { React }) {
  const h = React.createElement;
  return function AskFirst(props) {
    const question = QUESTIONS[`${props.method} ${props.path}`];
    if (question === undefined) return h(Original, props);
    const ask = (event) => {
      if (!confirm(question)) event.stopPropagation();
    };
    return h('div', { style: { display: 'contents' }, onClickCapture: ask }, h(Original, props));
  };
}
