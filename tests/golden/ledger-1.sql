-- A ledger as version 1 wrote it: one call billed, one pending, one of a killed kernel, one estimated.
BEGIN TRANSACTION;
CREATE TABLE attempts (
        id TEXT PRIMARY KEY, call_id TEXT NOT NULL REFERENCES calls (id),
        at TEXT NOT NULL, session TEXT NOT NULL, pid INTEGER NOT NULL, endpoint TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'streaming', 'settled', 'pending')),
        hold_nano INTEGER, generation_id TEXT, provider TEXT, model TEXT,
        input INTEGER, output INTEGER, cached INTEGER, reasoning INTEGER,
        cost_nano INTEGER, cost_source TEXT NOT NULL DEFAULT 'unknown'
    ) WITHOUT ROWID;
INSERT INTO "attempts" VALUES('a1','c1','2026-03-15T11:00:00+00:00','old',4711,'openrouter.ai','settled',45000000,'gen-1',NULL,NULL,12,5,0,0,2500000,'billed');
INSERT INTO "attempts" VALUES('a2','c2','2026-03-15T11:00:00+00:00','old',4711,'openrouter.ai','pending',45000000,'gen-2',NULL,NULL,12,5,0,0,NULL,'unknown');
INSERT INTO "attempts" VALUES('a3','c3','2026-03-15T11:00:00+00:00','old',4711,'openrouter.ai','streaming',45000000,'gen-3',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'unknown');
INSERT INTO "attempts" VALUES('a4','c4','2026-03-02T23:59:59+00:00','older',4711,'openrouter.ai','settled',45000000,'gen-4',NULL,NULL,12,5,0,0,10000000,'estimated');
CREATE TABLE calls (
        id TEXT PRIMARY KEY, at TEXT NOT NULL, session TEXT NOT NULL, model TEXT NOT NULL,
        fingerprint TEXT NOT NULL, status TEXT, finish TEXT, error TEXT, seconds REAL,
        prompt TEXT, thinking TEXT, answer TEXT
    ) WITHOUT ROWID;
INSERT INTO "calls" VALUES('c1','2026-03-15T11:00:00+00:00','old','minimax/minimax-m1','669da7b658bfc09108611c0279ab7979261a6892a569b3dae7a029b8501788a6','ok',NULL,NULL,1.5,'why?','Hm.','because');
INSERT INTO "calls" VALUES('c2','2026-03-15T11:00:00+00:00','old','minimax/minimax-m1','669da7b658bfc09108611c0279ab7979261a6892a569b3dae7a029b8501788a6','ok',NULL,NULL,1.5,'why?','Hm.','because');
INSERT INTO "calls" VALUES('c3','2026-03-15T11:00:00+00:00','old','minimax/minimax-m1','669da7b658bfc09108611c0279ab7979261a6892a569b3dae7a029b8501788a6',NULL,NULL,NULL,NULL,'why?',NULL,NULL);
INSERT INTO "calls" VALUES('c4','2026-03-02T23:59:59+00:00','older','minimax/minimax-m1','669da7b658bfc09108611c0279ab7979261a6892a569b3dae7a029b8501788a6','ok',NULL,NULL,1.5,'why?','Hm.','because');
CREATE INDEX calls_at ON calls (at);
CREATE INDEX attempts_at ON attempts (at, state, cost_nano, hold_nano);
CREATE INDEX attempts_session ON attempts (session, state, cost_nano, hold_nano);
CREATE INDEX attempts_open ON attempts (state) WHERE state <> 'settled';
COMMIT;
PRAGMA user_version = 1;
