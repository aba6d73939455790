#include "../arguments/conv_kernels.h"

#include "conv.h"
#include "epilogue_args.h"
#include "register.h"

namespace rareface::cpu {

void register_conv(KernelTable& table) {
  ConvKernels<conv_forward, conv_input_grad, conv_filter_grad, epilogue_of>::add(table);
}

}  // namespace rareface::cpu
