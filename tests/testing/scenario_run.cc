#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/testing/scenario.h"
#include "tests/testing/tracker_subject.h"

namespace conntrack {
namespace {

// Any: scenarios count from their first packet.
constexpr Time kBegin = TimeFromUnixNanos(1'700'000'000'000'000'000);

// Keys that are about the zone, not about one packet.
void AddZoneFields(const Zone& zone, const Fields& wanted, Fields* fields) {
  for (const auto& [key, value] : wanted) {
    absl::string_view name = key;
    if (name == "open") {
      fields->emplace_back(key, absl::StrCat(zone.connections.load()));
    } else if (name == "evicted") {
      fields->emplace_back(key, absl::StrCat(zone.evicted.load()));
    } else if (absl::ConsumePrefix(&name, "gauge_")) {
      for (size_t gauge = 0; gauge < kTcpStates; ++gauge) {
        if (name == NameOfGauge(gauge).state) {
          fields->emplace_back(key, absl::StrCat(zone.by_state[gauge].load()));
        }
      }
    }
  }
}

}  // namespace

std::vector<std::string> RunScenario(const ScenarioCase& scenario) {
  std::vector<std::string> problems;
  TrackerSubject tracker(scenario.settings);
  const Endpoints endpoints = DefaultEndpoints(scenario.family);
  const int64_t tolerance = scenario.recorded.empty() ? 0 : 1;
  for (const ScenarioStep& step : scenario.steps) {
    const Time now = kBegin + step.spec.time;
    Observation seen;
    if (!step.look) {
      seen = tracker.Send(step.spec, endpoints, now);
    } else if (const auto tuple = TupleOf(step.spec, endpoints)) {
      seen = tracker.Look(*tuple, scenario.family, now);
    }
    Fields fields = Describe(seen, endpoints);
    AddZoneFields(tracker.zone(), step.expected, &fields);
    const std::string difference = Difference(step.expected, fields, tolerance);
    if (difference.empty()) continue;
    problems.push_back(absl::StrCat("line ", step.line, scenario.name.empty() ? "" : " of case ",
                                    scenario.name, ": ", difference));
  }
  return problems;
}

}  // namespace conntrack
