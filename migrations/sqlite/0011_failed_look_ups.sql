-- Look-ups of a call in a row that its provider did not answer: its end is not given up before it was asked for a day.
ALTER TABLE attempts ADD COLUMN failed_look_ups INTEGER NOT NULL DEFAULT 0;
