-- Every message with what the system believes about it.
SELECT id::text, "runId"::text, "recipientPhone", status::text, attempts, "waMessageId", "errorCode", "errorMessage"
FROM campaign_messages ORDER BY id
