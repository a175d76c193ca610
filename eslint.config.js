import tseslint from 'typescript-eslint';

/** SQL is written whole, in templates of the `sql` tag (lib/store/sql.ts): no value can get into its text. */
export const SQL_RULES = [
  {
    selector: 'CallExpression[callee.name="sql"]',
    message: 'Write sql`…`: what is computed is no template.',
  },
  {
    selector:
      ':not(TaggedTemplateExpression) > TemplateLiteral:has(TemplateElement[value.raw=/\\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|VALUES)\\b/])',
    message: 'SQL in an untagged template: its values would become SQL. Write sql`…`.',
  },
  {
    selector:
      'BinaryExpression[operator="+"] > Literal[value=/\\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|VALUES)\\b/]',
    message: 'SQL put together by +: its values would become SQL. Write sql`…`.',
  },
];

/** The one way to a database leads through `runOn` and SqliteDatabase, which take statements of the `sql` tag. */
export const DRIVER_RULES = [
  {
    selector:
      'CallExpression[callee.property.name=/^(query|exec|prepare|execute|createQueryBuilder|getRepository)$/]',
    message: 'Yield a statement of the sql tag (lib/store/work.ts) instead.',
  },
];

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/', 'bench/.cache/'] },
  {
    files: ['**/*.ts', '**/*.cts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
    },
  },
  {
    files: ['lib/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SQL_RULES, ...DRIVER_RULES] },
  },
  {
    files: ['lib/store/database.ts', 'lib/store/sqlite.database.ts'],
    rules: { 'no-restricted-syntax': ['error', ...SQL_RULES] },
  },
  {
    files: ['bench/**/*.js'],
    extends: [tseslint.configs.recommended],
    languageOptions: { ecmaVersion: 2025 },
  },
);
