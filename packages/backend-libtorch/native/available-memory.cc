#include "available-memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

/** From here on a limit is none: version 1 of control groups says so by a number just below 2^63. */
constexpr std::size_t kUnlimited = std::size_t{1} << 62;

/** The number behind `name` in a file of "name number" lines, or the file's only number; else `otherwise`, as where it says "max". */
std::size_t figureOf(const std::string& file, const std::string& name, std::size_t otherwise) {
  std::ifstream figures(file);
  std::size_t figure;
  if (name.empty()) return figures >> figure ? figure : otherwise;
  for (std::string found; figures >> found >> figure; figures.ignore(64, '\n')) {
    if (found == name) return figure;
  }
  return otherwise;
}

/** How a version of control groups names its figures. */
struct Version {
  const char* limit;
  const char* usage;
  /** Before those figures of memory.stat that count the groups inside as well. */
  const char* prefix;
};
constexpr Version kFirst{"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_"};
constexpr Version kSecond{"/memory.max", "/memory.current", ""};

/** What a control group can still give; what it keeps of files goes when memory is wanted. */
std::size_t availableIn(const std::string& folder, const Version& version) {
  const std::size_t most = figureOf(folder + version.limit, "", kUnlimited);
  if (most >= kUnlimited) return kUnlimited;
  const auto kept = [&](const char* files) { return figureOf(folder + "/memory.stat", std::string(version.prefix) + files, 0); };
  const std::size_t files = kept("inactive_file") + kept("active_file");
  const std::size_t used = figureOf(folder + version.usage, "", 0);
  return most - std::min(most, used - std::min(used, files));
}

/** Whether `name` is one of "cpu,memory". */
bool lists(const std::string& names, const std::string& name) { return ("," + names + ",").find("," + name + ",") != std::string::npos; }

/** The control group that counts this process' memory in a version, from lines "0::/path", in version 1 "4:cpu,memory:/path". */
std::optional<std::string> ownGroup(bool first) {
  std::ifstream groups("/proc/self/cgroup");
  std::string number, controllers, path;
  while (std::getline(groups, number, ':') && std::getline(groups, controllers, ':') && std::getline(groups, path)) {
    if (first ? lists(controllers, "memory") : number == "0") return path;
  }
  return std::nullopt;
}

struct Group {
  std::string folder;
  Version version;
};

/** Adds the group at `path` and those around it. Their hierarchy is mounted at `folder`, from its group `root` on. */
void addAlong(std::string path, const std::string& root, const std::string& folder, const Version& version, std::vector<Group>& groups) {
  if (root != "/" && (path + "/").rfind(root + "/", 0) == 0) path.erase(0, root.size());
  groups.push_back({folder, version});
  for (; !path.empty(); path.resize(path.rfind('/'))) groups.push_back({folder + path, version});
}

/** All that count this process' memory. */
std::vector<Group> findGroups() {
  std::vector<Group> groups;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    // "32 31 0:29 /root /folder rw … - cgroup cgroup rw,cpu,memory"
    std::istringstream fields(line);
    std::string field, root, folder, type, options;
    fields >> field >> field >> field >> root >> folder;
    while (fields >> field && field != "-") continue;
    fields >> type >> field >> options;
    const bool first = type == "cgroup" && lists(options, "memory");
    if (!first && type != "cgroup2") continue;
    if (const auto path = ownGroup(first)) addAlong(*path, root, folder, first ? kFirst : kSecond, groups);
  }
  return groups;
}

std::size_t availableInGroups() {
  // Looked up once, as this is asked whenever a tensor needs new pages.
  static const std::vector<Group> groups = findGroups();
  std::size_t least = kUnlimited;
  for (const auto& [folder, version] : groups) least = std::min(least, availableIn(folder, version));
  return least;
}

}  // namespace

std::size_t availableMemory() {
  const std::size_t kibibytes = figureOf("/proc/meminfo", "MemAvailable:", kUnlimited >> 10);
  return std::min(kibibytes << 10, availableInGroups());
}
