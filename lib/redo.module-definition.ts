import { ConfigurableModuleBuilder } from '@nestjs/common';
import type { RedoOptions } from './redo.options.js';

/** What a factory of `RedoModule.forRootAsync` returns: the application's name beside the options. The name of the data source stands
 * beside the factory, since injection tokens are made of it. */
export interface RedoModuleOptions extends Omit<RedoOptions, 'dataSource'> {
  applicationName: string;
}

/** What can't wait for a factory, since injection tokens are made of it. */
export interface RedoModuleExtras {
  /** Name of the TypeORM data source. @default the default one */
  dataSource?: string;
}

export const {
  ConfigurableModuleClass: RedoModuleClass,
  MODULE_OPTIONS_TOKEN: REDO_MODULE_OPTIONS,
  ASYNC_OPTIONS_TYPE: REDO_ASYNC_OPTIONS,
} = new ConfigurableModuleBuilder<RedoModuleOptions>({ moduleName: 'Redo' })
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createRedoOptions')
  .setExtras<RedoModuleExtras>({ dataSource: undefined }, (definition) => definition)
  .build();

export type RedoModuleAsyncOptions = typeof REDO_ASYNC_OPTIONS;
