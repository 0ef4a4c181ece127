#include "client/cli/conntrack/usage.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "client/cli/conntrack/tell.h"

namespace conntrack::cli {
namespace {

constexpr char kText[] = R"(
Speaks to a conntrack-server as conntrack(8) speaks to the kernel. The server is
that of conntrackctl: CONNTRACKCTL_SERVER and the other variables of
`conntrackctl --help`.

Usage: conntrack COMMAND [TABLE] [OPTIONS]

Commands:
  -L, --dump          show the connections
  -G, --get           show one, by its tuple
  -D, --delete        end those that are selected
  -I, --create        make one
  -A, --add           the same, and nothing when it exists
  -U, --update        set mark, labels or timeout of those that are selected
  -E, --event         show events until interrupted
  -F, --flush         end all
  -C, --count         say how many there are
  -S, --stats         show the server's counters
  -R, --load-file F   run the commands of a file, as -o save writes them
  -V, --version       say the version
  -h, --help          show this

The table is conntrack. A server that only watches has nothing in the tables
expect, dying and unconfirmed.

Which connections:
  -s, --src, --orig-src ADDR[/LENGTH]   -d, --dst, --orig-dst ADDR[/LENGTH]
      --mask-src MASK                       --mask-dst MASK
  -r, --reply-src ADDR                  -q, --reply-dst ADDR
  -p, --proto PROTOCOL                  -f, --family ipv4|ipv6
  -w, --zone ZONE                       --orig-zone, --reply-zone ZONE
  -m, --mark MARK[/MASK]                -l, --label LABEL[,...]
  -u, --status SEEN_REPLY,ASSURED,...   -i, --id ID
  -n, --src-nat  -g, --dst-nat  -j, --any-nat  [ADDR]

What is set by -I, -A and -U:
  -t, --timeout SECONDS                 -m, --mark MARK[/MASK]
  -u, --status SEEN_REPLY,ASSURED (-I)  --label-add LABEL, --label-del [LABEL]

What is shown:
  -o, --output extended,id,timestamp,ktimestamp,labels,userspace,xml | save
  -e, --event-mask ALL|NEW,UPDATES,DESTROY

Behind -p PROTOCOL:
  tcp, sctp, dccp     --state STATE
  those, udp, udplite --sport, --dport, --reply-port-src, --reply-port-dst PORT
  sctp                --orig-vtag, --reply-vtag TAG
  icmp                --icmp-type, --icmp-code, --icmp-id N
  icmpv6              --icmpv6-type, --icmpv6-code, --icmpv6-id N
  gre                 --srckey, --dstkey, --reply-key-src, --reply-key-dst KEY
)";

}  // namespace

std::string ConntrackUsage() { return absl::StrCat(ConntrackName(), "\n", kText); }

int TellUsage(const absl::Status& why) {
  Tell(std::string(why.message()));
  if (absl::IsFailedPrecondition(why)) return 1;
  std::fputs("Try `conntrack -h' or 'conntrack --help' for more information.\n", stderr);
  return 2;
}

}  // namespace conntrack::cli
