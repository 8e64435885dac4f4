-- Parts of templates that the columns of before cannot hold.

-- The fields of the spec that have no column of their own: files and places in the header, cards, offers, codes, examples,
-- lifetime; NULL if there are none. If it has "buttons", the column "buttons" is a JSON null: versions before this column cannot
-- read such a row, and so never make a message without the parts that they do not know.
ALTER TABLE templates ADD COLUMN parts jsonb;
