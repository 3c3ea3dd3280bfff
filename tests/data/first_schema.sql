-- A database as the console before alembic left it: one job delivered, one half drawn, a quote, one drawn and not
-- posted, one waiting; settings, recent values and a preset. Made by that version's own stores.
BEGIN TRANSACTION;
CREATE TABLE items (
	job_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	name VARCHAR(20) NOT NULL, 
	rank INTEGER NOT NULL, 
	recipe JSON NOT NULL, 
	at JSON, 
	state VARCHAR(12) NOT NULL, 
	image VARCHAR(64), 
	remark TEXT, 
	batch VARCHAR(25), 
	message_id BIGINT, 
	settled_at DATETIME, 
	PRIMARY KEY (job_id, number), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "items" VALUES(1,1,'c001',2,'{"prompt": "a test", "negative_prompt": "", "seed": 0, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 0}','drawn','2dabd364013897cccceb7b1526cffb689610f8202cff6b4a8c387525982ad437',NULL,'aaaaaaaaaaaaaaaaaaaaaaaa',601,'2026-11-25 20:20:42.511620');
INSERT INTO "items" VALUES(1,2,'c002',1,'{"prompt": "a test", "negative_prompt": "", "seed": 1, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 1}','drawn','44f53bd737577450478c9be340f9bc77938f17c3df08ccdaf99144425dce9412',NULL,'aaaaaaaaaaaaaaaaaaaaaaaa',601,'2026-11-25 20:20:42.513418');
INSERT INTO "items" VALUES(2,1,'c001',4,'{"prompt": "a test", "negative_prompt": "", "seed": 0, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 0}','waiting',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "items" VALUES(2,2,'c002',3,'{"prompt": "a test", "negative_prompt": "", "seed": 1, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 1}','failed',NULL,'It''s “over”.',NULL,NULL,'2026-11-25 20:20:42.530292');
INSERT INTO "items" VALUES(2,3,'c003',2,'{"prompt": "a test", "negative_prompt": "", "seed": 2, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 2}','drawn','847afbbaf422d2eb96c14579268ca37fe2ae83744eddc31ead995f0dd3d00974',NULL,NULL,NULL,'2026-11-25 20:20:42.529329');
INSERT INTO "items" VALUES(2,4,'c004',1,'{"prompt": "a test", "negative_prompt": "", "seed": 3, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 3}','drawn','d467a289c3ad342189286a29fecf76b31bb12fee78ad1225f830663e0096a299',NULL,'bbbbbbbbbbbbbbbbbbbbbbbb',603,'2026-11-25 20:20:42.526504');
INSERT INTO "items" VALUES(3,1,'c001',1,'{"prompt": "a test", "negative_prompt": "", "seed": 0, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 0}','waiting',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "items" VALUES(4,1,'c001',1,'{"prompt": "a test", "negative_prompt": "", "seed": 0, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 0}','drawn','4d597ddcdf9af392fba7f27880b4732ecc81ff15bb1b090887061c932b73f21b',NULL,NULL,NULL,'2026-11-25 20:20:42.534246');
INSERT INTO "items" VALUES(5,1,'c001',2,'{"prompt": "a test", "negative_prompt": "", "seed": 0, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 0}','waiting',NULL,NULL,NULL,NULL,NULL);
INSERT INTO "items" VALUES(5,2,'c002',1,'{"prompt": "a test", "negative_prompt": "", "seed": 1, "width": 1024, "height": 1024, "steps": 20, "guidance_scale": 8.0, "sampler": "euler", "schedule": "ays", "face_folder": "", "weight": 1.0, "face_id_weight": 0, "start_merge_step": 150, "detail": false, "detail_steps": 20, "detail_guidance": 4.0, "detail_size": 1024, "denoise": 0.5, "crop_factor": 3.0, "production_mode": false}','{"seed": 1}','waiting',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE jobs (
	id INTEGER NOT NULL, 
	kind VARCHAR(20) NOT NULL, 
	title TEXT NOT NULL, 
	owner_id BIGINT NOT NULL, 
	owner_name VARCHAR(100) NOT NULL, 
	channel_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	card_id BIGINT, 
	state VARCHAR(12) NOT NULL, 
	urgent BOOLEAN NOT NULL, 
	layout JSON NOT NULL, 
	quote JSON, 
	notes JSON NOT NULL, 
	created_at DATETIME NOT NULL, 
	queued_at DATETIME, 
	delivered_at DATETIME, 
	PRIMARY KEY (id)
);
INSERT INTO "jobs" VALUES(1,'sweep','a test',1,'Mina',10,11,501,'done',0,'{"axes": [["seed", ["0", "1"]]], "rows": null, "columns": "seed", "apart": null, "fixed": []}','{"cells": 2, "duplicates": 0, "bases": 2, "details": 0, "work": 4.0, "seconds": [2.0, 4.0], "summary": "2 cells = 2 bases"}','["a note"]','2026-11-25 20:20:42.509603','2026-11-25 20:20:42.508582','2026-11-25 20:20:42.522058');
INSERT INTO "jobs" VALUES(2,'sweep','a test',2,'Théo',10,11,502,'running',0,'{"axes": [["seed", ["0", "1", "2", "3"]]], "rows": null, "columns": "seed", "apart": null, "fixed": []}','{"cells": 4, "duplicates": 0, "bases": 4, "details": 0, "work": 8.0, "seconds": [2.0, 4.0], "summary": "4 cells = 4 bases"}','["a note"]','2026-11-25 20:20:42.523528','2026-11-25 20:20:42.523216',NULL);
INSERT INTO "jobs" VALUES(3,'sweep','a test',1,'Mina',10,11,503,'quoted',0,'{"axes": [["seed", ["0"]]], "rows": null, "columns": "seed", "apart": null, "fixed": []}','{"cells": 1, "duplicates": 0, "bases": 1, "details": 0, "work": 2.0, "seconds": [2.0, 4.0], "summary": "1 cells = 1 bases"}','["a note"]','2026-11-25 20:20:42.531508',NULL,NULL);
INSERT INTO "jobs" VALUES(4,'sweep','a test',1,'Mina',10,11,504,'done',0,'{"axes": [["seed", ["0"]]], "rows": null, "columns": "seed", "apart": null, "fixed": []}','{"cells": 1, "duplicates": 0, "bases": 1, "details": 0, "work": 2.0, "seconds": [2.0, 4.0], "summary": "1 cells = 1 bases"}','["a note"]','2026-11-25 20:20:42.533155','2026-11-25 20:20:42.532890',NULL);
INSERT INTO "jobs" VALUES(5,'sweep','a test',2,'Théo',10,11,505,'queued',0,'{"axes": [["seed", ["0", "1"]]], "rows": null, "columns": "seed", "apart": null, "fixed": []}','{"cells": 2, "duplicates": 0, "bases": 2, "details": 0, "work": 4.0, "seconds": [2.0, 4.0], "summary": "2 cells = 2 bases"}','["a note"]','2026-11-25 20:20:42.536859','2026-11-25 20:20:42.536538',NULL);
CREATE TABLE member_settings (
	member_id BIGINT NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (member_id, name)
);
INSERT INTO "member_settings" VALUES(1,'guidance_scale',5);
INSERT INTO "member_settings" VALUES(1,'prompt','"a sailor"');
INSERT INTO "member_settings" VALUES(2,'steps',12);
CREATE TABLE presets (
	member_id BIGINT NOT NULL, 
	name VARCHAR(60) NOT NULL, 
	"values" JSON NOT NULL, 
	PRIMARY KEY (member_id, name)
);
INSERT INTO "presets" VALUES(1,'mine','{"guidance_scale": 5, "prompt": "a sailor"}');
CREATE TABLE recent_values (
	member_id BIGINT NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	text VARCHAR(200) NOT NULL, 
	value JSON NOT NULL, 
	used_at DATETIME NOT NULL, 
	PRIMARY KEY (member_id, name, text)
);
INSERT INTO "recent_values" VALUES(1,'guidance_scale','5.0',5,'2026-11-25 20:20:42.492454');
INSERT INTO "recent_values" VALUES(1,'prompt','"a sailor"','"a sailor"','2026-11-25 20:20:42.498357');
INSERT INTO "recent_values" VALUES(2,'steps','12',12,'2026-11-25 20:20:42.506202');
CREATE TABLE sheets (
	job_id INTEGER NOT NULL, 
	part VARCHAR(400) NOT NULL, 
	message_id BIGINT NOT NULL, 
	PRIMARY KEY (job_id, part), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "sheets" VALUES(1,'',602);
CREATE INDEX ix_jobs_owner_id ON jobs (owner_id);
CREATE INDEX ix_jobs_state ON jobs (state);
CREATE INDEX items_by_state ON items (job_id, state);
COMMIT;
