"""What an operation costs with its variables, in points. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphql import ValueNode

from dunlin.api.limits.plan import Absent, Cost, Known, Named, Operation, Plan, Selected, Value, value_at
from dunlin.api.limits.weights import POINT

MOST = 5_000  # points, of one operation
# Of a subscription: it is paid for once, but what it selects is computed for every event.
MOST_OF_SUBSCRIPTION = 50

# Sums over fragments that spread each other grow without end: above this, no more is added.
_ENOUGH = 1_000_000_000


def cost_of_operation(plan: Plan, name: str | None, variables: Mapping[str, object]) -> int:
    """Return the points of the operation of that name; 0 if there is none, for then none is run."""
    operation = _operation(plan, name)
    if operation is None:
        return 0
    if plan.has_variables or name not in plan.known:
        once, _ = _Evaluation(plan.fragments, variables, operation.defaults).of(operation.selected)
        plan.known[name] = -(-once // POINT)
    return plan.known[name]


def most_of_operation(plan: Plan, name: str | None) -> int:
    """Return how many points the operation of that name may cost."""
    operation = _operation(plan, name)
    return MOST_OF_SUBSCRIPTION if operation is not None and operation.is_subscription else MOST


def _operation(plan: Plan, name: str | None) -> Operation | None:
    if name is None and len(plan.operations) == 1:
        return next(iter(plan.operations.values()))
    return plan.operations.get(name)


@dataclass(frozen=True, slots=True)
class _Evaluation:
    fragments: Mapping[str, Selected]
    variables: Mapping[str, object]
    defaults: Mapping[str, ValueNode]
    known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, selected: Selected) -> tuple[int, int]:
        """Return what a selection costs once, and for each entry of the page that it belongs to."""
        once = each = 0
        for cost in selected.costs:
            total = self._total(cost)
            if cost.repeated.is_entry:
                each += total
            else:
                once += total
        for name in selected.spreads:
            of_fragment = self._of_fragment(name)
            once, each = once + of_fragment[0], each + of_fragment[1]
        return min(once, _ENOUGH), min(each, _ENOUGH)

    def _of_fragment(self, name: str) -> tuple[int, int]:
        if name not in self.known:
            self.known[name] = self.of(self.fragments[name])
        return self.known[name]

    def _total(self, cost: Cost) -> int:
        once, each = (0, 0) if cost.inner is None else self.of(cost.inner)
        shape = cost.repeated
        times = self._times(cost)
        per_entry = shape.each + each + (once if shape.is_list else 0)
        return shape.once + times * per_entry + (0 if shape.is_list else once)

    def _times(self, cost: Cost) -> int:
        given = [self._number(value, cost.repeated.most) for value in cost.times]
        told = [number for number in given if number is not None]
        return max(told) if told else cost.repeated.usual

    def _number(self, value: Value, most: int) -> int | None:
        """Return how many entries an argument asks for, None if it says nothing. What is no number means the most."""
        match value:
            case Absent():
                return None
            case Known(number):
                return _within(number, most)
            case Named(variable, path):
                if variable in self.variables:
                    return _length(self.variables[variable], path, most)
                return self._number(value_at(self.defaults.get(variable), path), most)


def _length(value: object, path: tuple[str, ...], most: int) -> int | None:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return None
    if isinstance(value, list):
        return _within(len(value), most)
    return _within(value if isinstance(value, int) and not isinstance(value, bool) else None, most)


def _within(number: int | None, most: int) -> int:
    return most if number is None else max(0, min(number, most))
