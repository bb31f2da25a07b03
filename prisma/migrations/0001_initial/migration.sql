-- CreateTable
CREATE TABLE "users" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "blobs" (
    "sha256" BYTEA NOT NULL,
    "size" BIGINT NOT NULL,
    "media_type" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "blobs_pkey" PRIMARY KEY ("sha256")
);

-- CreateTable
CREATE TABLE "blob_chunks" (
    "sha256" BYTEA NOT NULL,
    "index" INTEGER NOT NULL,
    "data" BYTEA NOT NULL,

    CONSTRAINT "blob_chunks_pkey" PRIMARY KEY ("sha256","index")
);

-- CreateTable
CREATE TABLE "images" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "sha256" BYTEA NOT NULL,
    "filename" TEXT NOT NULL,
    "size" BIGINT NOT NULL,
    "format" TEXT NOT NULL,
    "width" INTEGER NOT NULL,
    "height" INTEGER NOT NULL,
    "channels" INTEGER NOT NULL,
    "depth" TEXT NOT NULL,
    "has_alpha" BOOLEAN NOT NULL,
    "pages" INTEGER NOT NULL,
    "orientation" INTEGER,
    "color_space" TEXT NOT NULL,
    "density" DOUBLE PRECISION,
    "details" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "images_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "artifacts" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "key" BYTEA NOT NULL,
    "kind" TEXT NOT NULL,
    "operation" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "parameters" JSONB NOT NULL,
    "sha256" BYTEA NOT NULL,
    "size" BIGINT NOT NULL,
    "filename" TEXT NOT NULL,
    "media_type" TEXT NOT NULL,
    "result" JSONB NOT NULL,
    "retention" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "artifacts_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "artifact_inputs" (
    "artifact_id" UUID NOT NULL,
    "position" INTEGER NOT NULL,
    "image_id" UUID,
    "input_artifact_id" UUID,

    CONSTRAINT "artifact_inputs_pkey" PRIMARY KEY ("artifact_id","position")
);

-- CreateIndex
CREATE INDEX "images_owner_id_created_at_id_idx" ON "images"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "images_sha256_idx" ON "images"("sha256");

-- CreateIndex
CREATE UNIQUE INDEX "images_owner_id_sha256_key" ON "images"("owner_id", "sha256");

-- CreateIndex
CREATE INDEX "artifacts_owner_id_created_at_id_idx" ON "artifacts"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "artifacts_sha256_idx" ON "artifacts"("sha256");

-- CreateIndex
CREATE INDEX "artifacts_retention_last_used_at_idx" ON "artifacts"("retention", "last_used_at");

-- CreateIndex
CREATE UNIQUE INDEX "artifacts_owner_id_key_key" ON "artifacts"("owner_id", "key");

-- CreateIndex
CREATE INDEX "artifact_inputs_image_id_idx" ON "artifact_inputs"("image_id");

-- CreateIndex
CREATE INDEX "artifact_inputs_input_artifact_id_idx" ON "artifact_inputs"("input_artifact_id");

-- AddForeignKey
ALTER TABLE "blob_chunks" ADD CONSTRAINT "blob_chunks_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blobs"("sha256") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "images" ADD CONSTRAINT "images_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "images" ADD CONSTRAINT "images_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifacts" ADD CONSTRAINT "artifacts_sha256_fkey" FOREIGN KEY ("sha256") REFERENCES "blobs"("sha256") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifact_inputs" ADD CONSTRAINT "artifact_inputs_artifact_id_fkey" FOREIGN KEY ("artifact_id") REFERENCES "artifacts"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifact_inputs" ADD CONSTRAINT "artifact_inputs_image_id_fkey" FOREIGN KEY ("image_id") REFERENCES "images"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "artifact_inputs" ADD CONSTRAINT "artifact_inputs_input_artifact_id_fkey" FOREIGN KEY ("input_artifact_id") REFERENCES "artifacts"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- Chunks hold compressed pictures: trying to compress them again costs time, and kept as they are, a part of one is read
-- without the rest.
ALTER TABLE "blob_chunks" ALTER COLUMN "data" SET STORAGE EXTERNAL;

-- What the schema's language cannot say
ALTER TABLE "blobs"
    ADD CONSTRAINT "blobs_sha256_length" CHECK (length("sha256") = 32),
    ADD CONSTRAINT "blobs_size_not_negative" CHECK ("size" >= 0);
ALTER TABLE "blob_chunks"
    ADD CONSTRAINT "blob_chunks_index_not_negative" CHECK ("index" >= 0),
    ADD CONSTRAINT "blob_chunks_data_length" CHECK (length("data") BETWEEN 1 AND 1048576);
ALTER TABLE "images"
    ADD CONSTRAINT "images_pixels_positive" CHECK ("width" > 0 AND "height" > 0 AND "channels" > 0 AND "pages" > 0);
ALTER TABLE "artifacts"
    ADD CONSTRAINT "artifacts_key_length" CHECK (length("key") = 32);
ALTER TABLE "artifact_inputs"
    ADD CONSTRAINT "artifact_inputs_one_source" CHECK (num_nonnulls("image_id", "input_artifact_id") = 1);

-- Who owns everything until there are accounts
INSERT INTO "users" ("id", "name") VALUES ('00000000-0000-4000-8000-000000000001', 'local');
