// Without a library: what DWARF says of namespaces, classes, templates, lambdas and calls that are inlined into one
// another, in one range and in several.
namespace grid {
struct Cell {
    double *values;
    int count;
    inline double at(int i) const
    {
        if (i < 0 || i >= count)
            __builtin_trap();
        return values[i];
    }
    double sum(int from, int to) const;
};

double Cell::sum(int from, int to) const
{
    double total = 0;
    for (int i = from; i < to; i++)
        total += at(i) * (i & 1 ? at(i - 1) : 2);
    return total;
}

namespace {
template <class T> inline T twice(const Cell &cell, int n)
{
    auto scaled = [&](T factor) { return factor * static_cast<T>(cell.sum(n / 2, n)); };
    return scaled(2) + scaled(3);
}
} // namespace
} // namespace grid

static int depth;
template <int N> __attribute__((always_inline)) static inline int down(int x)
{
    if constexpr (N > 0)
        return down<N - 1>(x + N) * 3 + x / (depth + N);
    else
        return x ^ depth;
}

extern "C" __attribute__((export_name("deep"))) int deep(int x)
{
    return down<40>(x); // deeper than we follow
}

extern "C" __attribute__((export_name("work"))) double work(double *values, int n)
{
    grid::Cell cell{values, n};
    double result = grid::twice<double>(cell, n) + grid::twice<float>(cell, n - 1);
    for (int i = 0; i < n; i++)
        values[i] = cell.at(n - 1 - i) * result;
    depth++;
    return result;
}
