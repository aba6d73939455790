#include "order.h"

#include <cstdlib>
#include <string>

#include "block.h"

namespace emulator {

Order wanted_order() {
  const char* value = std::getenv("RAREFACE_EMULATOR_ORDER");
  const std::string name = value == nullptr || *value == 0 ? "forward" : value;
  if (name == "forward") return Order::forward;
  if (name == "reverse") return Order::reverse;
  if (name == "shuffled") return Order::shuffled;
  throw Fault{cudaErrorInvalidValue,
              "expected forward, reverse or shuffled for RAREFACE_EMULATOR_ORDER but received '" +
                  name + "'"};
}

}  // namespace emulator
