import type { QueryRunner } from 'typeorm';
import { select } from '../select.js';
import { nextIdOf } from './catalog.js';
import { datetimeOfMillis } from './server-zone.js';

/** The Java component's dates, for a table that was created by this migration. */
export async function addSeedDates(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    ALTER TABLE tbl_redotask
      ADD COLUMN expired_date datetime(0) NULL DEFAULT NULL COMMENT '过期时间' AFTER try_forever,
      ADD COLUMN create_time datetime(0) NULL DEFAULT NULL COMMENT '创建时间' AFTER req_param`);
}

/** Only for tasks added by this library, which know a time but no date: what Java wrote stays what it was. */
export async function fillSeedDates(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    UPDATE IGNORE tbl_redotask
       SET create_time  = ${datetimeOfMillis('add_time')},
           expired_date = ${datetimeOfMillis('expire_time')}
     WHERE create_time IS NULL
       AND expired_date IS NULL
       AND add_time > 0`);
}

/** In one statement, so that a run that breaks off leaves either form. Comments and types are the seed's own. */
export async function backToSeedForm(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    ALTER TABLE tbl_redotask
      MODIFY COLUMN max_attempts int(11) NULL DEFAULT NULL COMMENT '最大重试次数',
      MODIFY COLUMN exec_times int(11) NOT NULL DEFAULT 0 COMMENT '已执行次数',
      ${(await columnsThatFit(queryRunner)).join('\n      ')}
      DROP KEY idx_redotask_due,
      DROP KEY uiq_redotask_dedupe,
      DROP COLUMN status,
      DROP COLUMN next_exec_time,
      DROP COLUMN expire_time,
      DROP COLUMN add_time,
      DROP COLUMN dead_reason,
      DROP COLUMN dead_detail,
      DROP COLUMN dedupe_key,
      DROP COLUMN dedupe_hash,
      DROP COLUMN errors,
      DEFAULT CHARACTER SET utf8 COLLATE utf8_general_ci,
      COMMENT = ''`);
}

const NARROW_COLUMNS = {
  id: `MODIFY COLUMN id int(11) NOT NULL AUTO_INCREMENT,`,
  redo_task_id: `MODIFY COLUMN redo_task_id varchar(64) CHARACTER SET utf8 COLLATE utf8_general_ci NOT NULL COMMENT '补偿任务业务ID',`,
  application_name: `MODIFY COLUMN application_name varchar(255) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '微服务名',`,
  try_forever: `MODIFY COLUMN try_forever varchar(4) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '是否永久尝试',`,
  req_param: `MODIFY COLUMN req_param varchar(2000) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '请求参数',`,
};

/** A column that holds what the seed's would cut off or turn into '?' (an emoji has 4 bytes) stays wide. */
async function columnsThatFit(queryRunner: QueryRunner): Promise<string[]> {
  const rows = await select<Record<keyof typeof NARROW_COLUMNS, string | number>>(
    queryRunner,
    `SELECT COALESCE(MAX(id), 0) <= 2147483647 AS id,
           COALESCE(MIN(LENGTH(redo_task_id) = LENGTH(CONVERT(redo_task_id USING utf8))), 1) AS redo_task_id,
           COALESCE(MIN(LENGTH(application_name) = LENGTH(CONVERT(application_name USING utf8))), 1) AS application_name,
           COALESCE(MIN(LENGTH(try_forever) = LENGTH(CONVERT(try_forever USING utf8))), 1) AS try_forever,
           COALESCE(MIN(LENGTH(req_param) = LENGTH(CONVERT(req_param USING utf8)) AND CHAR_LENGTH(req_param) <= 2000), 1) AS req_param
      FROM tbl_redotask`,
  );
  const fits = rows[0]!;
  if ((await nextIdOf(queryRunner, 'tbl_redotask')) > 2147483647) fits.id = 0;
  return (Object.keys(NARROW_COLUMNS) as (keyof typeof NARROW_COLUMNS)[])
    .filter((column) => Number(fits[column]) === 1)
    .map((column) => NARROW_COLUMNS[column]);
}
