import { answers } from './answers.js';
import { authorization } from './authorization.js';
import { confirmation } from './confirmation.js';
import { inputs } from './inputs.js';
import { prepare } from './prepare.js';
import { replaceSamples } from './samples.js';
import { operationSearch } from './search.js';
import { LANGUAGES, snippets } from './snippets.js';

const isAuthenticationRequired = document.documentElement.dataset.authentication === 'required';

// Swagger UI opens an operation of OpenAPI 3.0 several times faster than the same one of 3.1.
const response = await fetch('openapi-3.0.json');
const spec = prepare(await response.json(), isAuthenticationRequired);

const ui = SwaggerUIBundle({
  spec,
  dom_id: '#swagger-ui',
  layout: 'BaseLayout',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [answers, authorization, confirmation, inputs, operationSearch, snippets],
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // A shared computer must not keep anybody's credential.
  persistAuthorization: false,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: -1,
  requestSnippetsEnabled: true,
  requestSnippets: { generators: LANGUAGES, defaultExpanded: true, languages: Object.keys(LANGUAGES) },
  requestInterceptor: replaceSamples,
  // By a name of this machine, Swagger UI would otherwise ask an outside service about the document.
  validatorUrl: null,
});

// Links of the first steps name an operation, which is opened even if the page is already at it.
for (const link of document.querySelectorAll('.first-steps a[href^="#/"]')) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    const [, tag, operationId] = /** @type {HTMLAnchorElement} */ (link).hash.split('/');
    history.replaceState(null, '', `#/${tag}/${operationId}`);
    ui.layoutActions.show(['operations-tag', tag], true);
    ui.layoutActions.show(['operations', tag, operationId], true);
    requestAnimationFrame(() => {
      const operation = document.getElementById(`operations-${tag}-${operationId}`);
      operation?.scrollIntoView({ block: 'start' });
      /** @type {HTMLElement | null | undefined} */ (
        operation?.querySelector('.opblock-summary-control')
      )?.focus();
    });
  });
}
