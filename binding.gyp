# The second way to build the addon (the first is CMakeLists.txt): for machines without CMake, CPU
# only. Both compile the same sources with the same flags into the same files.
{
  'variables': {
    'runtime_sources': ["<!@(node -p \"require('fs').readdirSync('native/runtime').filter((f) => f.endsWith('.cc')).map((f) => 'native/runtime/' + f).join(' ')\")"],
    'tensorflow_sources': ["<!@(node -p \"require('fs').readdirSync('native/tensorflow').filter((f) => f.endsWith('.cc')).map((f) => 'native/tensorflow/' + f).join(' ')\")"],
    'addon_sources': ["<!@(node -p \"require('fs').readdirSync('native/addon').filter((f) => f.endsWith('.cc')).map((f) => 'native/addon/' + f).join(' ')\")"],
    'cpu_sources': ["<!@(node -p \"require('fs').readdirSync('native/cpu').filter((f) => f.endsWith('.cc')).map((f) => 'native/cpu/' + f).join(' ')\")"],
    'node_addon_api': "<!(node -p \"require('path').dirname(require.resolve('node-addon-api'))\")",
    'kernel_flags': ['-O3', '-fopenmp-simd', '-ffp-contract=fast'],
  },
  'target_defaults': {
    'cflags': ['-fPIC', '-fvisibility=hidden', '-fno-math-errno', '-fno-trapping-math', '-Wall', '-Wextra', '-Wpedantic', '-Wno-restrict'],
    'cflags_cc': ['-std=c++20', '-fvisibility-inlines-hidden'],
    # What Node's own common.gypi sets, for a plain `node-gyp rebuild` with its headers.
    'cflags!': ['-Wno-unused-parameter', '-fno-omit-frame-pointer'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-fno-strict-aliasing', '-std=gnu++14', '-std=gnu++1y', '-std=gnu++17', '-std=gnu++20'],
    'defines': ['NDEBUG'],
  },
  'targets': [
    {
      'target_name': 'rareface',
      'sources': ['<@(runtime_sources)', '<@(tensorflow_sources)', '<@(addon_sources)'],
      'cflags_cc': ['-isystem', '<(node_addon_api)', '-O3'],
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS'],
      'libraries': ['-lpthread', '-ldl'],
      'ldflags': ['-Wl,-z,nodelete'],
      'dependencies': ['rareface-cpu-portable'],
      'conditions': [['target_arch=="x64"', {'dependencies': ['rareface-cpu-avx2', 'rareface-cpu-avx512']}]],
    },
    {
      'target_name': 'rareface-cpu-portable',
      'type': 'loadable_module',
      'product_prefix': 'lib',
      'target_conditions': [['1==1', {'product_extension': 'so'}]],
      'sources': ['<@(cpu_sources)'],
      'cflags_cc': ['<@(kernel_flags)'],
      'ldflags': ['-Wl,-Bsymbolic'],
    },
  ],
  'conditions': [['target_arch=="x64"', {
    'targets': [
      {
        'target_name': 'rareface-cpu-avx2',
        'type': 'loadable_module',
        'product_prefix': 'lib',
        'target_conditions': [['1==1', {'product_extension': 'so'}]],
        'sources': ['<@(cpu_sources)'],
        'cflags_cc': ['<@(kernel_flags)', '-mavx2', '-mfma', '-mf16c'],
        'ldflags': ['-Wl,-Bsymbolic'],
      },
      {
        'target_name': 'rareface-cpu-avx512',
        'type': 'loadable_module',
        'product_prefix': 'lib',
        'target_conditions': [['1==1', {'product_extension': 'so'}]],
        'sources': ['<@(cpu_sources)'],
        'cflags_cc': ['<@(kernel_flags)', '-mavx2', '-mfma', '-mf16c', '-mavx512f', '-mavx512bw', '-mavx512vl', '-mavx512dq', '-mprefer-vector-width=512'],
        'ldflags': ['-Wl,-Bsymbolic'],
      },
    ],
  }]],
}
