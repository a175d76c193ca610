import { CreateRedoTables1795434400000 } from './1795434400000-create-redo-tables.js';

/**
 * Every migration of nestjs-redo, oldest first, to stand beside the application's own:
 *
 * ```ts
 * new DataSource({ type: 'mysql', …, migrations: [...redoMigrations, ...ownMigrations], migrationsRun: true })
 * ```
 */
export const redoMigrations = [CreateRedoTables1795434400000];
