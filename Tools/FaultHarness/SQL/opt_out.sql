-- Everybody whose number ends in 7 opts out.
UPDATE contacts SET "optedIn" = false WHERE "contactId" LIKE '%7'
