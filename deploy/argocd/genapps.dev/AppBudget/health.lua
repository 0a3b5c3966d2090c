-- SPDX-License-Identifier: Apache-2.0
-- Health of a GeneratedApp or AppBudget for Argo CD, from its conditions. A suspension comes first: it stands whatever
-- else is said. A status of an earlier generation says nothing about this one.
local conditions = {}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for _, condition in ipairs(obj.status.conditions) do
    conditions[condition.type] = condition
  end
end

local function holds(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

local function health(status, name)
  return { status = status, message = conditions[name].reason .. ": " .. conditions[name].message }
end

if holds("Suspended") then
  return health("Suspended", "Suspended")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "Waiting for the genapps operator to judge this generation." }
end
if holds("Stalled") then
  return health("Degraded", "Stalled")
end
if holds("Reconciling") then
  return health("Progressing", "Reconciling")
end
if holds("Ready") then
  return health("Healthy", "Ready")
end
return { status = "Progressing", message = "Waiting for the app to become ready." }
