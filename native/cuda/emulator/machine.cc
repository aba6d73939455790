#include "machine.h"

#include <cstdlib>
#include <sstream>
#include <string>

namespace emulator {

Machine machine() {
  Machine machine;
  const char* given = std::getenv("RAREFACE_EMULATOR_MACHINE");
  std::istringstream words(given ? given : "");
  for (std::string word; words >> word;) {
    const std::size_t sign = word.find('=');
    if (sign == std::string::npos) continue;
    const std::string name = word.substr(0, sign);
    const long long value = std::strtoll(word.c_str() + sign + 1, nullptr, 10);
    if (name == "driver") machine.driver = static_cast<int>(value);
    if (name == "devices") machine.devices = static_cast<int>(value);
    if (name == "capability") machine.capability = static_cast<int>(value);
    if (name == "memory") machine.memory = static_cast<std::size_t>(value);
  }
  return machine;
}

}  // namespace emulator
