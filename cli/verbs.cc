#include "cli/verbs.h"

namespace recrypt {

std::span<const Verb> Verbs() {
  static const std::vector<Verb> all = [] {
    std::vector<Verb> verbs;
    for (const auto group :
         {MountVerbs(),   MountedVerbs(), StatusVerbs(),   ProfileVerbs(),     ServiceVerbs(),
          LabelVerbs(),   PolicyVerbs(),  MemberVerbs(),   RotationVerbs(),    JoinVerbs(),
          DeviceVerbs(),  EscrowVerbs(),  TravelVerbs(),   AuditVerifyVerbs(), AuditVerbs(),
          ReviewVerbs(),  ConsoleVerbs(), DocumentVerbs(), AdoptVerbs(),       ExportVerbs(),
          RelabelVerbs(), InspectVerbs(), FsckVerbs()}) {
      verbs.insert(verbs.end(), group.begin(), group.end());
    }
    return verbs;
  }();
  return all;
}

}  // namespace recrypt
