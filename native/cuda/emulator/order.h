// In which order things happen whose order is not said.
#pragma once

namespace emulator {

enum class Order { forward, reverse, shuffled };

// What RAREFACE_EMULATOR_ORDER names; forward by default. Throws a Fault for any other word.
Order wanted_order();

}  // namespace emulator
