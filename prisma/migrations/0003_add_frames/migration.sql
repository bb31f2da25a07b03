-- CreateTable
CREATE TABLE "frame_sets" (
    "id" UUID NOT NULL,
    "owner_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "filename" TEXT NOT NULL,
    "sha256" BYTEA NOT NULL,
    "size" BIGINT NOT NULL,
    "options" JSONB NOT NULL,
    "options_key" BYTEA NOT NULL,
    "rows" INTEGER NOT NULL,
    "columns" INTEGER NOT NULL,
    "width" INTEGER NOT NULL,
    "depth_min" DOUBLE PRECISION NOT NULL,
    "depth_max" DOUBLE PRECISION NOT NULL,
    "depth_unit" TEXT,
    "image_min" SMALLINT,
    "image_max" SMALLINT,
    "resized_min" SMALLINT,
    "resized_max" SMALLINT,
    "first_id" BIGINT NOT NULL,
    "last_id" BIGINT NOT NULL,
    "quality" JSONB NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "frame_sets_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "frames" (
    "id" BIGSERIAL NOT NULL,
    "frame_set_id" UUID NOT NULL,
    "row" INTEGER NOT NULL,
    "depth" DOUBLE PRECISION NOT NULL,
    "image_data" BYTEA NOT NULL,
    "resized_image_data" BYTEA NOT NULL,
    "image_nulls" BYTEA,
    "resized_nulls" BYTEA,
    "image_min" SMALLINT,
    "image_max" SMALLINT,
    "resized_min" SMALLINT,
    "resized_max" SMALLINT,

    CONSTRAINT "frames_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "frame_sets_owner_id_created_at_id_idx" ON "frame_sets"("owner_id", "created_at", "id");

-- CreateIndex
CREATE INDEX "frame_sets_owner_id_sha256_idx" ON "frame_sets"("owner_id", "sha256");

-- CreateIndex
CREATE INDEX "frames_frame_set_id_depth_row_idx" ON "frames"("frame_set_id", "depth", "row");

-- AddForeignKey
ALTER TABLE "frame_sets" ADD CONSTRAINT "frame_sets_owner_id_fkey" FOREIGN KEY ("owner_id") REFERENCES "users"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "frames" ADD CONSTRAINT "frames_frame_set_id_fkey" FOREIGN KEY ("frame_set_id") REFERENCES "frame_sets"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- Rows of more than 2 kB leave the table: trying to compress grey levels of rock costs time and gains little.
ALTER TABLE "frames"
    ALTER COLUMN "image_data" SET STORAGE EXTERNAL,
    ALTER COLUMN "resized_image_data" SET STORAGE EXTERNAL;

-- What the schema's language cannot say
ALTER TABLE "frame_sets"
    ADD CONSTRAINT "frame_sets_sha256_length" CHECK (length("sha256") = 32),
    ADD CONSTRAINT "frame_sets_options_key_length" CHECK (length("options_key") = 32),
    ADD CONSTRAINT "frame_sets_depths_in_order" CHECK ("depth_min" <= "depth_max");
