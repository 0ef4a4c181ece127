// Run is the sensor: input, decoder, session with the server, and what happens
// when one of them ends.
#pragma once

#include "client/sensor/options.h"
#include "client/sensor/stop_signal.h"

namespace conntrack::sensor {

// Reads the input to its end, or until `stop` asks for it, and returns an
// ExitCode. Prints the summary to standard output when there was an input, and
// errors to standard error.
//
// REQUIRES: stop.Install() was OK.
int Run(const Options& options, StopSignal& stop);

}  // namespace conntrack::sensor
