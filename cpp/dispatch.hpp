// Which instruction sets there are, and which of them this machine has.
#pragma once

#include <vector>

#include "kernels.hpp"

namespace deltarule {

// Those this machine can run, the fastest first; never empty.
std::vector<const Target*> targets();

}  // namespace deltarule
