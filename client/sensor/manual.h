// What the help and the manual page of the sensor say besides its flags.
#pragma once

#include "docs/manual/manual.h"

namespace conntrack::sensor {

manual::Manual SensorManual();
manual::ExitCodes MeaningOfExitCodes();

}  // namespace conntrack::sensor
