import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The rooms of ts/, lowest first. A file may import from its own room and from the rows above it;
 * rooms of one row do not know each other.
 */
const rooms = [
  ['base'],
  ['backend'],
  ['ops'],
  ['data', 'models'],
  ['classify', 'onnx', 'report'],
  ['embed'],
  ['filter', 'pretrain', 'train'],
  ['augment'],
  ['evaluate', 'quality'],
  ['study'],
  ['cli'],
];

const roomRules = rooms.flatMap((row, level) =>
  row.map((room) => {
    const forbidden = rooms
      .slice(level)
      .flat()
      .filter((other) => other !== room);
    return {
      files: [`ts/${room}/**/*.ts`],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            patterns: [
              {
                regex: `^(\\.\\./)+(${[...forbidden, 'index\\.js'].join('|')})(/|$)`,
                message: `ts/${room} may only import from the rooms below it (see rooms in eslint.config.js).`,
              },
            ],
          },
        ],
      },
    };
  }),
);

export default defineConfig(
  globalIgnores(['dist/', 'build/', 'build-*/', 'runs/', '.cache/', '.tensorflow/', '.cuda/', 'bench/results/']),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // With noUncheckedIndexedAccess, numeric code says x[i]! where the loop's bounds prove it.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // tfjs types kernels by what the caller says they take.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Index loops over typed arrays run several arrays at once.
      '@typescript-eslint/prefer-for-of': 'off',
      '@typescript-eslint/dot-notation': 'off',
      'no-console': 'error',
    },
  },
  {
    files: ['ts/**/*.ts'],
    rules: {
      // Public edges carry their types, and no `any`.
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      'no-restricted-syntax': [
        'error',
        { selector: 'ExportDefaultDeclaration', message: 'Export by name.' },
        { selector: 'TSEnumDeclaration', message: 'Use a union of string literals.' },
      ],
    },
  },
  ...roomRules,
  {
    files: ['**/*.mjs', '**/*.js'],
    languageOptions: {
      globals: { console: 'readonly', process: 'readonly', performance: 'readonly', URL: 'readonly' },
    },
  },
  {
    files: ['bench/**/*.ts', 'test/**/*.ts'],
    rules: { 'no-console': 'off', '@typescript-eslint/unbound-method': 'off' },
  },
);
