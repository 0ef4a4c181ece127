#!/usr/bin/env python3
"""Every rule finds its bad sample, at the right place, and leaves a good one alone."""

import unittest

import cpp
import rules
from tree import Tree


def lines(count, body="  ++x;\n"):
    return body * count


class RulesTest(unittest.TestCase):

    def finds(self, rule, files, *places, **tree):
        findings = rule(Tree(files, **tree))
        self.assertEqual([f.split(": ")[0] for f in findings], list(places), findings)

    def test_tracker_may_not_include_grpc(self):
        self.finds(rules.tracker_is_pure, {"server/tracker/slot.cc": "\n#include <grpcpp/grpcpp.h>\n"},
                   "server/tracker/slot.cc:2")

    def test_tracker_may_not_include_each_of_the_forbidden_headers(self):
        for name in ("<thread>", "<iostream>", "<fstream>", "<prometheus/counter.h>", "<spdlog/spdlog.h>",
                     "<google/protobuf/message.h>", '"conntrack/v1/types.pb.h"', '"server/config.h"',
                     '"absl/time/clock.h"', '"absl/synchronization/mutex.h"', "<unistd.h>"):
            with self.subTest(name):
                self.finds(rules.tracker_is_pure, {"server/tracker/slot.h": f"#include {name}\n"},
                           "server/tracker/slot.h:1")

    def test_tracker_may_include_itself_abseil_and_containers(self):
        self.finds(rules.tracker_is_pure, {
            "server/tracker/slot.cc": '#include "server/tracker/slot.h"\n#include <chrono>\n'
                                      '#include "absl/status/status.h"\n#include <mutex>\n'})

    def test_tracker_reads_no_clock(self):
        for clock in ("std::chrono::steady_clock::now()", "std::chrono::system_clock::time_point t;",
                      "absl::Now()", "time(nullptr)", "Clock::now()"):
            with self.subTest(clock):
                self.finds(rules.tracker_is_pure, {"server/tracker/slot.cc": f"// now()\nauto t = {clock};\n"},
                           "server/tracker/slot.cc:2")

    def test_tracker_may_speak_of_clocks_in_comments(self):
        self.finds(rules.tracker_is_pure, {"server/tracker/time.h": "// Not steady_clock::now().\n"})

    def test_client_may_not_include_server(self):
        self.finds(rules.includes_point_one_way, {"client/cli/main.cc": '#include "server/config.h"\n'},
                   "client/cli/main.cc:1")

    def test_server_may_not_include_client(self):
        self.finds(rules.includes_point_one_way, {"server/main.cc": '#include "client/sensor/decode.h"\n'},
                   "server/main.cc:1")

    def test_manual_may_include_no_program(self):
        for name in ("server/config.h", "client/cli/flags.h"):
            self.finds(rules.includes_point_one_way, {"docs/manual/a.cc": f'#include "{name}"\n'}, "docs/manual/a.cc:1")

    def test_client_library_may_not_include_its_users(self):
        self.finds(rules.includes_point_one_way, {"client/cpp/a.cc": '#include "client/cli/flags.h"\n'},
                   "client/cpp/a.cc:1")

    def test_only_tests_include_tests(self):
        bad = '#include "tests/testing/packet_builder.h"\n'
        self.finds(rules.includes_point_one_way, {"server/a.cc": bad, "tests/unit/a_test.cc": bad},
                   "server/a.cc:1")

    def test_only_the_listed_files_know_wire_and_tracker(self):
        both = '#include "conntrack/v1/types.pb.h"\n#include "server/tracker/packet.h"\n'
        self.finds(rules.includes_point_one_way,
                   {"server/convert.cc": both, "server/ingest_service.cc": both, "server/metrics.cc": both},
                   "server/metrics.cc:1")

    def test_an_include_names_a_file_from_the_root(self):
        self.finds(rules.includes_name_files, {
            "server/a.cc": '#include "a.h"\n#include "server/gone.h"\n#include "server/a.h"\n',
            "server/a.h": "#pragma once\n"}, "server/a.cc:1", "server/a.cc:2")

    def test_a_header_guards_itself(self):
        self.finds(rules.includes_name_files, {"server/a.h": "#ifndef A\n"}, "server/a.h:1")

    def test_a_file_of_801_lines_is_too_long(self):
        self.finds(rules.files_are_short, {"server/a.cc": lines(801), "server/b.cc": lines(800)},
                   "server/a.cc:1")

    def test_a_file_of_401_lines_is_noted(self):
        tree = Tree({"server/a.cc": lines(401), "server/b.cc": lines(400)})
        self.assertEqual(rules.long_files(tree), [("server/a.cc", 401)])

    def test_a_function_of_71_lines_is_too_long(self):
        self.finds(rules.functions_are_short, {
            "server/a.cc": "namespace n {\n\nint Long() {\n" + lines(69) + "}\n\nint Fits() {\n" + lines(68)
                           + "}\n}\n"}, "server/a.cc:3")

    def test_a_long_method_test_and_constructor_are_found(self):
        for head in ("class A {\n public:\n  void F(int a,\n         int b) const {\n",
                     "TEST(A, B) {\n", "A::A(int x)\n    : x_(x), y_{1} {\n",
                     "template <class T>\nstd::vector<T> F(T t) {\n",
                     "static absl::Status F(std::span<const int> a = {}) noexcept {\n"):
            with self.subTest(head):
                found = cpp.functions(head + lines(80) + "}\n" + ("};\n" if head.startswith("class") else ""))
                self.assertTrue(any(count > 70 for _, _, count in found), found)

    def test_an_operator_has_a_name(self):
        text = "struct A {\n  bool operator==(const A& o) const { return x == o.x; }\n};\n"
        self.assertEqual(cpp.functions(text), [("operator==", 2, 1)])

    def test_a_long_table_class_or_namespace_is_no_function(self):
        for head in ("namespace a::b {\n", "class A final : public B {\n", "constexpr int kTable[] = {\n",
                     "enum class E : uint8_t {\n", "struct CT_CAPABILITY(\"mutex\") M {\n",
                     "const std::map<int, int> m = {\n"):
            with self.subTest(head):
                found = cpp.functions(head + lines(80) + "};\n")
                self.assertFalse([f for f in found if f[2] > 70], found)

    def test_braces_in_strings_and_comments_do_not_count(self):
        text = "int F() {\n  // }\n  auto s = \"}\";\n  char c = '}';\n  auto r = R\"(})\";\n  int n = 1'000;\n}\n"
        self.assertEqual(cpp.functions(text), [("F", 1, 7)])

    def test_banned_words_in_file_names(self):
        self.finds(rules.names_say_something, {"server/string_util.h": "", "server/utility.h": "",
                                               "tests/data/a.pcap": ""},
                   "server/string_util.h:1", "tests/data/a.pcap:1")

    def test_banned_words_in_type_names(self):
        self.finds(rules.names_say_something, {
            "server/a.h": "class TableManager {\n};\nstruct ImplicitDatabase {\n};\nclass Forward;\n",
            "proto/conntrack/v1/a.proto": "message PacketInfo {\n}\n"},
            "server/a.h:1", "proto/conntrack/v1/a.proto:1")

    def test_a_disabled_test_is_found(self):
        self.finds(rules.tests_are_on, {"tests/unit/a_test.cc": "TEST(A, DISABLED_B) {}\n",
                                        "tests/unit/CMakeLists.txt": "a_test.cc"}, "tests/unit/a_test.cc:1")

    def test_a_test_that_is_not_built_is_found(self):
        self.finds(rules.tests_are_on, {"tests/unit/s/a_test.cc": "", "tests/unit/s/b_test.cc": "",
                                        "tests/unit/CMakeLists.txt": "s/b_test.cc\n"},
                   "tests/unit/s/a_test.cc:1")

    def test_a_test_that_a_function_names_is_built(self):
        self.finds(rules.tests_are_on, {"tests/chain/one_test.py": "", "tests/chain/two_test.py": "",
                                        "tests/chain/CMakeLists.txt": "COMMAND ${name}_test.py)\nchain(one)\n"},
                   "tests/chain/two_test.py:1")

    def test_a_sleep_in_a_test_is_found(self):
        for call in ("std::this_thread::sleep_for(1ms);", "usleep(1);", "absl::SleepFor(absl::Seconds(1));"):
            with self.subTest(call):
                self.finds(rules.tests_do_not_sleep, {"tests/unit/a_test.cc": call}, "tests/unit/a_test.cc:1")

    def test_a_todo_without_an_issue_is_found(self):
        self.finds(rules.todos_have_issues, {"server/a.cc": "// TODO: later\n// TODO(#12): sooner\n"},
                   "server/a.cc:1")

    def test_a_banner_is_found(self):
        self.finds(rules.comments_are_prose, {"server/a.cc": "// ------\n// A - b.\n/** x */\n"},
                   "server/a.cc:1", "server/a.cc:3")

    def test_unclean_lines_are_found(self):
        self.finds(rules.lines_are_clean, {"server/a.cc": "a\tb\nc \nd"},
                   "server/a.cc:1", "server/a.cc:2", "server/a.cc:3")

    def test_a_private_path_is_found(self):
        self.finds(rules.paths_are_everyones, {"docs/a.md": "See /home/joe/x.\nSee /usr/bin/x.\n"},
                   "docs/a.md:1")

    def test_the_path_of_the_checkout_is_found(self):
        self.finds(rules.paths_are_everyones, {"docs/a.md": "See /checkouts/mine/x.\n"}, "docs/a.md:1",
                   root="/checkouts/mine")

    def test_a_page_names_files_that_exist(self):
        self.finds(rules.docs_name_files, {
            "docs/a.md": "`server/a.{h,cc}` and\n[b](b.md), [c](../server/a.h)\nbuild/dev/server/x, tests/*_test.cc\n",
            "server/a.h": "", "tests/a_test.cc": ""}, "docs/a.md:1", "docs/a.md:2")

    def test_a_pattern_in_a_page_matches_something(self):
        self.finds(rules.docs_name_files, {"README.md": "`tests/*_test.cc` `server/*.h`\n", "server/a.h": ""},
                   "README.md:1")

    def test_the_path_of_a_packet_is_true(self):
        page = ("# A\n\n## Where does a packet go\n\n1. `server/a.cc`: `Tracker::Process()`.\n\n"
                "2. `server/a.cc`: `Absent()`.\n\n## More\n\n`Unchecked()`\n")
        self.finds(rules.packet_path_is_true,
                   {"docs/architecture.md": page, "server/a.cc": "void Tracker::Process() {}\n"},
                   "docs/architecture.md:7")

    def test_the_path_of_a_packet_is_there(self):
        self.finds(rules.packet_path_is_true, {"docs/architecture.md": "# A\n"}, "docs/architecture.md:1")
        self.finds(rules.packet_path_is_true, {}, "docs/architecture.md:1")


class CoverageTest(unittest.TestCase):

    def test_every_rule_has_a_bad_sample(self):
        with open(__file__, encoding="utf-8") as source:
            text = source.read()
        for rule in rules.RULES:
            self.assertIn(f"rules.{rule.__name__}, ", text.replace(",\n", ", "))


if __name__ == "__main__":
    unittest.main()
