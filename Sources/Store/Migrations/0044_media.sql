-- Files beside the specs: stored with the reconcile that names them, and uploaded by the daemons.

CREATE TABLE media (
    "tenantId" varchar(50) NOT NULL,
    -- The SHA-256 of the bytes, in hexadecimal digits.
    digest varchar(64) NOT NULL,
    -- image/jpeg, image/png, video/mp4, application/pdf …
    type varchar(100) NOT NULL,
    bytes bytea NOT NULL CHECK (length(bytes) <= 16777216),
    "createdAt" timestamptz NOT NULL DEFAULT now(),
    -- Since when no spec names it; it goes 30 days later.
    "unusedSince" timestamptz,
    PRIMARY KEY ("tenantId", digest)
);
-- They are compressed already.
ALTER TABLE media ALTER COLUMN bytes SET STORAGE EXTERNAL;

-- The ids under which a number sends the file; WhatsApp forgets them after 30 days.
CREATE TABLE media_uploads (
    "tenantId" varchar(50) NOT NULL,
    digest varchar(64) NOT NULL,
    "phoneNumberId" varchar(50) NOT NULL,
    "mediaId" text,
    "uploadedAt" timestamptz,
    -- A daemon uploads it, until then.
    "leasedUntil" timestamptz,
    error text,
    "errorAt" timestamptz,
    PRIMARY KEY ("tenantId", digest, "phoneNumberId"),
    FOREIGN KEY ("tenantId", digest) REFERENCES media ("tenantId", digest) ON DELETE CASCADE
);

-- The language of the template that everybody gets; NULL if each person gets their own.
ALTER TABLE campaigns ADD COLUMN language varchar(10);
