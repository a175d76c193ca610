import { DataSource } from 'typeorm';
import { optionsOf } from './database-url.js';
import { redoMigrations } from './index.js';

/**
 * For the TypeORM CLI: `DATABASE_URL=mysql://… npm run migration:run`. Applications list `redoMigrations` in
 * their own data source instead.
 */
export default new DataSource({
  ...(await optionsOf(process.env['DATABASE_URL'])),
  migrations: redoMigrations,
});
