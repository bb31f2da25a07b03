import multipart from '@fastify/multipart';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import Fastify, { type FastifyInstance } from 'fastify';
import { apiKeyRoutes } from './accounts/api-key-routes.ts';
import { auditRoutes } from './accounts/audit-routes.ts';
import { authRoutes } from './accounts/auth-routes.ts';
import { ACCOUNT_SCHEMAS } from './accounts/schemas.ts';
import { userRoutes } from './accounts/user-routes.ts';
import { workerCredentialRoutes } from './accounts/worker-routes.ts';
import { toArtifactResponse } from './artifacts/response.ts';
import { artifactRoutes } from './artifacts/routes.ts';
import { artifactSchemas } from './artifacts/schemas.ts';
import type { Config } from './config.ts';
import { frameSetRoutes } from './frames/frame-set-routes.ts';
import { frameRoutes } from './frames/routes.ts';
import { FRAME_SCHEMAS } from './frames/schemas.ts';
import { HISTOGRAM_SCHEMAS } from './histogram/schemas.ts';
import { authentication } from './http/access/authentication.ts';
import { originGuard } from './http/access/origin-guard.ts';
import { routeAccess } from './http/access/route-access.ts';
import { securityHeaders } from './http/access/security-headers.ts';
import { clientAddress } from './http/connections/client-address.ts';
import { closeConnections } from './http/connections/close-connections.ts';
import { fairShare } from './http/connections/fair-share.ts';
import { idleTimeouts, setConnectionTimeouts } from './http/connections/idle-timeouts.ts';
import { refuseWhileClosing } from './http/connections/refuse-while-closing.ts';
import { openapiPlugin } from './http/docs/openapi.ts';
import { docsPages } from './http/docs/pages.ts';
import { healthRoutes } from './http/operators/health.ts';
import { metricsPlugin, metricsRoutes } from './http/operators/metrics.ts';
import { requestLog } from './http/operators/request-log.ts';
import { problemHandler } from './http/problem-handler.ts';
import { problemPages } from './http/problems/problem-pages.ts';
import { jsonBodies } from './http/requests/json-bodies.ts';
import { closedQueries } from './http/requests/reject-unknown-query.ts';
import { operationRoutes } from './http/responses/operation-routes.ts';
import { createServerOptions } from './http/server-options.ts';
import { imageRoutes } from './images/routes.ts';
import { IMAGE_SCHEMAS } from './images/schemas.ts';
import { UPLOAD_SCHEMAS } from './images/upload-schemas.ts';
import { jobEventRoutes } from './jobs/event-routes.ts';
import { jobRoutes } from './jobs/job-routes.ts';
import { workerRoutes } from './jobs/remote/worker-routes.ts';
import { jobRequestRoutes } from './jobs/request-routes.ts';
import { jobRequestSchemas } from './jobs/request-schemas.ts';
import { jobResultRoutes } from './jobs/result-routes.ts';
import { JOB_SCHEMAS } from './jobs/schemas.ts';
import { STEP_EXAMPLES } from './manipulation/examples.ts';
import { MANIPULATION_SCHEMAS } from './manipulation/operation.ts';
import { MASK_FORM_SCHEMAS } from './segmentation/formats/index.ts';
import { SEGMENTATION_SCHEMAS } from './segmentation/schemas.ts';
import type { Services } from './services.ts';

/** The HTTP application: first the plugins that all routes share, then a plugin for each slice. */
export async function createApp(config: Config, services: Services): Promise<FastifyInstance> {
  const app = Fastify(createServerOptions(services.log, config)).withTypeProvider<TypeBoxTypeProvider>();
  setConnectionTimeouts(app.server, config);
  // Many clients send the content type of JSON with every request. A body of a deletion would mean nothing.
  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });

  await app.register(routeAccess);
  await app.register(requestLog);
  await app.register(clientAddress);
  await app.register(problemHandler, { translate: services.translateError, steps: STEP_EXAMPLES });
  await app.register(metricsPlugin, { metrics: services.metrics });
  await app.register(idleTimeouts, { ...config, areUploadsCrowded: services.areUploadsCrowded });
  await app.register(closeConnections);
  await app.register(securityHeaders, config);
  await app.register(originGuard, config);
  await app.register(refuseWhileClosing);
  await app.register(authentication, services.auth);
  await app.register(jsonBodies);
  // A file over its limit must not fail the others, so the parser only marks it.
  await app.register(multipart, { throwFileSizeLimit: false });
  await app.register(openapiPlugin, config);
  await app.register(docsPages, services.auth);
  await app.register(problemPages);
  await app.register(closedQueries);
  await app.register(fairShare);

  for (const schema of [
    ...IMAGE_SCHEMAS,
    ...UPLOAD_SCHEMAS,
    ...MANIPULATION_SCHEMAS,
    ...HISTOGRAM_SCHEMAS,
    ...SEGMENTATION_SCHEMAS,
    ...MASK_FORM_SCHEMAS,
    ...artifactSchemas(services.operations.values()),
    ...FRAME_SCHEMAS,
    ...JOB_SCHEMAS,
    ...jobRequestSchemas(services.submissions.operations, config.MAX_JOB_ITEMS),
    ...ACCOUNT_SCHEMAS,
  ])
    app.addSchema(schema);

  await app.register(imageRoutes, services);
  await app.register(artifactRoutes, services);
  await app.register(operationRoutes, {
    ...services,
    deferral: services.jobs.deferral,
    async findArtifact(owner, id) {
      const artifact = await services.artifacts.get(owner, id);
      services.artifacts.noteUse(artifact, services.log);
      return artifact;
    },
    toArtifactResponse,
  });
  await app.register(frameSetRoutes, { ...services, uploadDeferral: services.jobs.uploadDeferral });
  await app.register(frameRoutes, services);
  await app.register(jobRequestRoutes, services);
  await app.register(jobRoutes, services);
  await app.register(jobEventRoutes, services);
  await app.register(jobResultRoutes, services);
  if (services.workerServices) await app.register(workerRoutes, services.workerServices);
  await app.register(authRoutes, services.auth);
  await app.register(userRoutes, { ...services.auth, ownedContent: services.ownedContent });
  await app.register(apiKeyRoutes, services.auth);
  await app.register(workerCredentialRoutes, services.auth);
  await app.register(auditRoutes, services.auth);
  await app.register(healthRoutes, services.health);
  await app.register(metricsRoutes, services);
  return app;
}
