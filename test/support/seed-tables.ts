import { type TestDatabase } from './test-database.js';

/** The seed's own SQL, verbatim. */
const LOCK_TABLE = `
CREATE TABLE \`tbl_pessimistic_lock\` (
  \`id\` bigint(20) NOT NULL AUTO_INCREMENT,
  \`resource\` varchar(500) NOT NULL COMMENT '锁定的资源，可以是方法名或者业务唯一标志',
  \`description\` varchar(1000) NOT NULL DEFAULT '' COMMENT '业务场景描述',
  PRIMARY KEY (\`id\`),
  UNIQUE KEY \`uiq_idx_resource\` (\`resource\`)
) ENGINE=InnoDB AUTO_INCREMENT=1 DEFAULT CHARSET=utf8mb4 COMMENT='数据库分布式悲观锁表';
`;

const TASK_TABLE = `
CREATE TABLE \`tbl_redotask\`  (
  \`id\` int(11) NOT NULL AUTO_INCREMENT,
  \`redo_task_id\` varchar(64) CHARACTER SET utf8 COLLATE utf8_general_ci NOT NULL COMMENT '补偿任务业务ID',
  \`application_name\` varchar(255) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '微服务名',
  \`max_attempts\` int(11) NULL DEFAULT NULL COMMENT '最大重试次数',
  \`exec_times\` int(11) NOT NULL DEFAULT 0 COMMENT '已执行次数',
  \`try_forever\` varchar(4) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '是否永久尝试',
  \`expired_date\` datetime(0) NULL DEFAULT NULL COMMENT '过期时间',
  \`req_param\` varchar(2000) CHARACTER SET utf8 COLLATE utf8_general_ci NULL DEFAULT NULL COMMENT '请求参数',
  \`create_time\` datetime(0) NULL DEFAULT NULL COMMENT '创建时间',
  PRIMARY KEY (\`id\`) USING BTREE
) ENGINE = InnoDB AUTO_INCREMENT = 9 CHARACTER SET = utf8 COLLATE = utf8_general_ci ROW_FORMAT = Dynamic;
`;

const LOCK_ROW = `
INSERT INTO \`tbl_pessimistic_lock\`(\`id\`, \`resource\`, \`description\`)
VALUES (1, 'cn.com.kun.component.redo.core.RedoManager.findAndRedo:微服务名', '重试组件依赖锁');
`;

/** What a person does who follows the Java component's manual. For MySQL and MariaDB. */
export async function createSeedTables(database: TestDatabase): Promise<void> {
  for (const sql of [LOCK_TABLE, TASK_TABLE, LOCK_ROW]) await database.query(sql);
}

/** A row as the Java component writes it. Dates are DATETIME in the server's zone, without a zone. */
export interface SeedTask {
  redo_task_id: string;
  application_name: string | null;
  max_attempts: number | null;
  exec_times: number;
  try_forever: string | null;
  expired_date: string | null;
  req_param: string | null;
  create_time: string | null;
}

const TASK: SeedTask = {
  redo_task_id: 'order.notify-partner',
  application_name: 'order-service',
  max_attempts: 3,
  exec_times: 0,
  try_forever: '0',
  expired_date: null,
  req_param: '{"params":{"name":"张三","desc":"通知合作方"}}',
  create_time: '2026-07-01 12:00:00',
};

/** Every way in which the Java component limits a task. */
export const SEED_TASKS: readonly SeedTask[] = [
  TASK,
  { ...TASK, exec_times: 2, req_param: '{"params":{"orderId":"2","amount":12.5}}' },
  { ...TASK, max_attempts: null, try_forever: null, req_param: '{"params":{}}' },
  { ...TASK, max_attempts: 0, exec_times: 41 },
  { ...TASK, max_attempts: null, try_forever: '1', exec_times: 7 },
  { ...TASK, redo_task_id: '补偿任务一', application_name: '微服务名', create_time: null },
  { ...TASK, expired_date: '2020-01-31 08:30:00' },
  { ...TASK, expired_date: '2037-07-15 23:59:59' },
  { ...TASK, expired_date: '2099-12-31 00:00:00' },
  { ...TASK, expired_date: '9999-12-31 23:59:59' },
  { ...TASK, req_param: `{"params":{"text":"${'长'.repeat(1900)}"}}` },
];

/** The Java component's own statement, column for column. */
export async function addSeedTasks(
  database: TestDatabase,
  tasks: readonly SeedTask[] = SEED_TASKS,
): Promise<void> {
  for (const task of tasks) {
    await database.query(
      `INSERT INTO tbl_redotask
         (redo_task_id, application_name, max_attempts, exec_times, try_forever, expired_date, req_param, create_time)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        task.redo_task_id,
        task.application_name,
        task.max_attempts,
        task.exec_times,
        task.try_forever,
        task.expired_date,
        task.req_param,
        task.create_time,
      ],
    );
  }
}
