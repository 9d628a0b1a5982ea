// Which instruction sets there are, and which of them this machine has.
#pragma once

#include <string_view>
#include <vector>

#include "kernels.hpp"

namespace deltarule {

// Those this machine can run, the fastest first; never empty.
std::vector<const Target*> targets();

// That of this name; throws std::invalid_argument if this machine does not have it
const Target& target(std::string_view name);

}  // namespace deltarule
