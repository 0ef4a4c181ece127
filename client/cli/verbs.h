// The verbs of conntrackctl, one file each. Every function adds its verb to
// `app`; both arguments must outlive the run.
#pragma once

#include <CLI/App.hpp>

#include "client/cli/invocation.h"

namespace conntrack::cli {

void AddHealthVerb(CLI::App& app, Invocation& invocation);
void AddListVerb(CLI::App& app, Invocation& invocation);
void AddClosedVerb(CLI::App& app, Invocation& invocation);
void AddGetVerb(CLI::App& app, Invocation& invocation);
void AddCountVerb(CLI::App& app, Invocation& invocation);
void AddWatchVerb(CLI::App& app, Invocation& invocation);
void AddLookupVerb(CLI::App& app, Invocation& invocation);
void AddExplainVerb(CLI::App& app, Invocation& invocation);
void AddUpdateVerb(CLI::App& app, Invocation& invocation);
void AddDeleteVerb(CLI::App& app, Invocation& invocation);
void AddFlushVerb(CLI::App& app, Invocation& invocation);
void AddExportVerb(CLI::App& app, Invocation& invocation);
void AddImportVerb(CLI::App& app, Invocation& invocation);
void AddStatsVerb(CLI::App& app, Invocation& invocation);
void AddTopVerb(CLI::App& app, Invocation& invocation);
void AddSensorsVerb(CLI::App& app, Invocation& invocation);
void AddZonesVerb(CLI::App& app, Invocation& invocation);
void AddDrainVerb(CLI::App& app, Invocation& invocation);
// `app` has to be the whole program: its other verbs are what is completed.
void AddCompletionVerb(CLI::App& app, Invocation& invocation);
void AddVersionVerb(CLI::App& app, Invocation& invocation);
void AddConntrackVerb(CLI::App& app, Invocation& invocation);

}  // namespace conntrack::cli
